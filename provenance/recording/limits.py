"""The limits that the launcher and a recorded block have in common."""

DEFAULT_SAVE_LIMIT = 10_000_000  # bytes; larger files are not saved before they are overwritten
# How long the end of something short may be held up by the description of its surroundings.
DESCRIBE_SECONDS = 10.0
DEFAULT_SAMPLE_INTERVAL = 1.0  # seconds between two looks at what the processes of a run use
