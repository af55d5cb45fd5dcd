"""A lab of real Kea servers on loopback, for the demo, the tests and the benchmarks; not part of the wheel."""
