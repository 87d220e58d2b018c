"""`python -m tsgan` is the command `tsgan`."""

import sys

from .cli.commands import main

sys.exit(main())
