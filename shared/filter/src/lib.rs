//! One filter language (AIP-160): parser, typed tree, cost, to SeaQuery and to an evaluator
