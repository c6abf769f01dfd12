"""How large a job may be. The values in force come from the settings."""

from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    max_epochs: int = Field(10_000, ge=0, description="Epochs of a job")
    max_layers: int = Field(64, ge=1, description="Hidden layers of a network")
    max_units: int = Field(4096, ge=1, description="Units of a hidden layer")
    max_parameters: int = Field(20_000_000, ge=1, description="Parameters of a network")
    max_examples: int = Field(1_000_000, ge=1, description="Examples of a data set")
    max_values: int = Field(60_000_000, ge=1, description="Examples times features of a data set")
    max_batch_size: int = Field(65_536, ge=1, description="Examples of a mini-batch")
    max_window_values: int = Field(
        100_000_000,
        ge=1,
        description="Examples of a mini-batch times positions times inputs of a convolution",
    )
    max_body_bytes: int = Field(1_048_576, ge=1024, description="Bytes of a request body")
    max_members: int = Field(10_000, ge=1, description="Members of a sweep")
    max_upload_bytes: int = Field(
        33_554_432, ge=1024, description="Bytes of an uploaded file, packed and unpacked"
    )
    max_upload_values: int = Field(
        4_000_000, ge=1, description="Rows times columns of an uploaded data set"
    )
    max_upload_columns: int = Field(
        10_000, ge=2, description="Columns of an uploaded data set, the target among them"
    )
