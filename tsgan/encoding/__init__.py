"""DataFrame <-> Panel: columns become channels, and channels become columns again.

The door of this room is `encoder.Encoder`. Nothing here knows torch.
"""
