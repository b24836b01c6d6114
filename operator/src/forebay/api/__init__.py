"""The API as code: reasons, types, CRD generation and validation. Pure: no cluster, no clock, no files but crdgen's."""
