"""Answer the operations of SageMaker's API: a function each, by kind of resource."""
