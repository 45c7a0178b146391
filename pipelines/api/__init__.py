"""Functions of the public face that run whole stages; `degrade` and `sr_train` name them."""
