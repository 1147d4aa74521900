"""One file for each way to store weights in few bits."""

from typing import Any

METHODS: dict[str, Any] = {
    "bitsandbytes": "bitsandbytes:BitsAndBytes",
    "fbgemm_fp8": "fbgemm_fp8:FbgemmFp8",
    "eetq": "eetq:Eetq",
    "mxfp4": "mxfp4:Mxfp4",
    "quanto": "quanto:Quanto",
    "torchao": "torchao:TorchAo",
    "bitnet": "bitnet:BitNet",
    "compressed-tensors": "compressed_tensors:CompressedTensors",
    "fp8": "fp8:FineGrainedFP8",
    "gguf": "gguf:Gguf",
    "gptq": "gptq:GPTQ",
    "awq": "awq:Awq",
    "hqq": "hqq:Hqq",
    "auto-round": "autoround:AutoRound",
    "bitsandbytes_all": "bitsandbytes:BitsAndBytesAll",
}
"""Published name of a method -> "file:class" of its `method.Quantizer`, or the class itself where a user registered one."""
