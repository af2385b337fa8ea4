//! The storage seam: statements, values, dialects, SQLite
