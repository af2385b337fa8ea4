//! Worlds for tests: a sealed local org on a free port
