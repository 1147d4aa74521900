"""Films: read from files, arrays or frames, sampled in time, made into what models take."""
