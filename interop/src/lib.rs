//! Programs that nobody here wrote, against the local org.
//!
//! Only tests stand here. They need the programs that `.ci/run` installs into folders of its own
//! below `interop/`; where those are missing a test says so and passes, unless
//! `KEYHOLDER_REQUIRE_INTEROP` is set, as it is in CI.
