"""Event schemas, written once as protobuf; the Python types are generated from them."""
