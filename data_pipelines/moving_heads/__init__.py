"""The `moving_heads` dataset: drawn talking heads whose motion is exactly known; needs no download."""

from data_pipelines.moving_heads.builder import Builder as MovingHeads
from data_pipelines.moving_heads.builder import MovingHeadsConfig
from data_pipelines.moving_heads.clips import ClipLabels, clip_flow, clip_frames, clip_labels, clip_motion, clip_scene
from data_pipelines.moving_heads.flow import TrueFlow, true_flow
from data_pipelines.moving_heads.labels import LANDMARKS, landmarks
from data_pipelines.moving_heads.on_the_fly import OnTheFly, on_the_fly
from data_pipelines.moving_heads.rendering import render
from data_pipelines.moving_heads.scene import Scene
from data_pipelines.moving_heads.state import EXPRESSION, OCCLUDER, POSE, HeadState, MotionTrack, rotation

__all__ = [
    "EXPRESSION",
    "LANDMARKS",
    "OCCLUDER",
    "POSE",
    "ClipLabels",
    "HeadState",
    "MotionTrack",
    "MovingHeads",
    "MovingHeadsConfig",
    "OnTheFly",
    "Scene",
    "TrueFlow",
    "clip_flow",
    "clip_frames",
    "clip_labels",
    "clip_motion",
    "clip_scene",
    "landmarks",
    "on_the_fly",
    "render",
    "rotation",
    "true_flow",
]
