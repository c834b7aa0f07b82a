//! Redis or memory behind one typed interface, best effort
