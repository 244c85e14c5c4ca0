"""The Bytewax wiring: the only place where core, edges and settings meet."""

from dataflows.kernel_cache import use_kernel_cache

# Here, because it must come before the first kernel of whatever module is imported.
use_kernel_cache()
