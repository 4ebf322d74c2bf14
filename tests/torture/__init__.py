"""Runs that are killed, disks that fail, files that rot: what a run's folder must survive."""
