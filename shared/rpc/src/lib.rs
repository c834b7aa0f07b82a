//! The gRPC edge: server assembly, ordered layers, deadlines, status mapping, peers, drain
