//! What must hold of all services together.

mod held;
