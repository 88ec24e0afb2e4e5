"""The Macs that the lab can play, as captures show them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    identifier: str  # what `sysctl -n hw.model` prints
    family: str  # the marketing name that the profiler prints
    chip: str
    memory: int  # GiB
    cores: int
    thunderbolt: int  # generation
    lans: tuple  # (interface, hardware port), the first carries the first segment
    ports: dict  # receptacle -> interface; not positional on every model


_DESK = (("en0", "Ethernet"), ("en1", "Wi-Fi"))

MODELS = {
    "mac-studio-m3-ultra": Model(
        "Mac15,14", "Mac Studio", "Apple M3 Ultra", 512, 32, 5, _DESK,
        {1: "en2", 2: "en3", 3: "en4", 4: "en5", 5: "en6", 6: "en7"}),
    "macbook-pro-m5-max": Model(
        "Mac17,7", "MacBook Pro", "Apple M5 Max", 128, 18, 5, (("en0", "Wi-Fi"),),
        {1: "en1", 2: "en6", 3: "en2"}),
    "macbook-pro-m4-max": Model(
        "Mac16,5", "MacBook Pro", "Apple M4 Max", 128, 16, 5, (("en0", "Wi-Fi"),),
        {1: "en1", 2: "en2", 3: "en3"}),
    "mac-mini-m4-pro": Model(
        "Mac16,11", "Mac mini", "Apple M4 Pro", 64, 14, 5, _DESK,
        {1: "en2", 2: "en3", 3: "en4"}),
    "mac-mini-m4": Model(
        "Mac16,10", "Mac mini", "Apple M4", 32, 10, 4, _DESK,
        {1: "en2", 2: "en3", 3: "en4"}),
}
