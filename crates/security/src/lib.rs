//! Privileges, roles and Reach: who may do what to which rows
