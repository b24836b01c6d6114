"""Serving: one BentoML service per pod around one model in ONNX Runtime. No torch may be imported below here."""
