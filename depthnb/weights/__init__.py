"""Where weights come from: ImageNet, the networks that others published, the hub, and files of any of them."""
