"""The models of generations, one file each."""

from generations.models.approval import Approval, ApprovalThreshold
from generations.models.callback import CallbackReceipt
from generations.models.draft import Draft
from generations.models.event import GenerationEvent
from generations.models.film import Film, StoredFile
from generations.models.generation import Generation, Priority
from generations.models.last_served import LastServed
from generations.models.provider_key import PauseReason, ProviderKey
from generations.models.retention import RetentionRule
from generations.models.upload import Upload
from generations.models.usage_sample import Discrepancy, UsageSample
from generations.models.video_model import VideoModel

__all__ = [
    "Approval",
    "ApprovalThreshold",
    "CallbackReceipt",
    "Discrepancy",
    "Draft",
    "Film",
    "Generation",
    "GenerationEvent",
    "LastServed",
    "PauseReason",
    "Priority",
    "ProviderKey",
    "RetentionRule",
    "StoredFile",
    "Upload",
    "UsageSample",
    "VideoModel",
]
