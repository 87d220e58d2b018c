"""`python -m tsgan` is the command `tsgan`."""

import sys

from .cli import main

sys.exit(main())
