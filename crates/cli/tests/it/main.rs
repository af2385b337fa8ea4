//! The command as a whole, and the house that it stands in.

mod house;
