"""Tables: files, frames of other libraries, dtypes, the form of what was passed, entity keys, tables in parts."""
