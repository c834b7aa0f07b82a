//! Who the customer is
