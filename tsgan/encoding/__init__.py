"""DataFrame <-> Panel: columns become cells, and cells become columns again.

The door of this room is `encoder.Encoder`. Nothing here knows torch.
"""
