//! From a Web API request to one bound Operation
