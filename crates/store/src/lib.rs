//! The Store trait and its one body of SQL for SQLite and PostgreSQL
