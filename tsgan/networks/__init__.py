"""The recurrent generator."""
