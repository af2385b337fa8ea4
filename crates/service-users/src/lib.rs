//! Service users as a domain: create, prove and remove application users
