class LabError(Exception):
    """Something the operator can act on; shown in one line."""
