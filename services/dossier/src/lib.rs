//! The suite in one process, and the command line
