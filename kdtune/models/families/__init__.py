"""Models of other libraries by name: `torchvision:resnet50`, `timm:mobilenetv3_small_100`, `hf:./my-bert`."""
