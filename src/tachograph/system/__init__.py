"""The one sampler of a process tree; the SDK and the system probe both use it."""

from tachograph.system.sampler import Sample, Sampler

__all__ = ["Sample", "Sampler"]
