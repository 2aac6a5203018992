"""Where the processes of a long run are, by name."""

PROCESSES, DASK = "processes", "dask"
BACKENDS = (
    "where the workers are: processes of this machine; dask, a cluster on it; or the address of a "
    "Dask scheduler, such as tcp://10.0.0.5:8786, whose workers see the same files"
)
