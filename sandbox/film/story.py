"""Read a prompt for what its film should show: a place, an hour, what is in the air."""

import random
from dataclasses import dataclass
from typing import Final

from sandbox.film.brief import Brief

# Word -> place, hour or air. Words are looked for anywhere in the prompt, the longest first.
_PLACES: Final = {
    "mountains": "mountain alps peak valley hill cliff summit hike canyon 山 峰 谷",
    "city": "city street neon skyline tokyo urban downtown building tower traffic rooftop taxi "
    "york london paris cyber office 城 街 霓虹 都市 楼",
    "sea": "sea ocean beach wave boat ship harbor harbour island sail surf shore coast whale "
    "lake river lighthouse water 海 湖 船 浪",
    "forest": "forest tree wood jungle deer fox bear garden leaf leaves pine moss 森 林 树",
    "space": "space galaxy planet astronaut rocket nebula cosmos star moon orbit mars alien "
    "太空 宇宙 星 银河",
    "desert": "desert dune sand camel sahara oasis pyramid cactus 沙",
}
_HOURS: Final = {
    "dawn": "dawn sunrise morning early 早 晨 日出 黎明",
    "day": "noon midday daylight sunny bright summer blue 白天 晴",
    "golden": "golden sunset autumn warm evening harvest 夕 金 秋 日落",
    "dusk": "dusk twilight violet purple romantic 黄昏 暮",
    "night": "night midnight moon dark star firefl 夜 月",
    "storm": "storm rain fog mist grey gray thunder cloudy noir 雨 雾 风暴",
    "neon": "neon cyber synth vapor futur 霓虹 赛博",
}
_AIRS: Final = {
    "snow": "snow winter ice frost christmas blizzard 雪 冬 冰",
    "rain": "rain storm drizzle monsoon 雨",
    "petals": "spring blossom petal flower cherry sakura bloom 花 樱 春",
    "fireflies": "firefl lantern magic fairy glow spark 萤 灯",
}
_USUAL_HOURS: Final = ("dawn", "golden", "dusk", "day", "night")
_USUAL_AIRS: Final = {
    "forest": "fireflies",
    "desert": "dust",
    "space": "dust",
    "city": "dust",
    "sea": "birds",
    "mountains": "birds",
}


@dataclass(frozen=True, slots=True)
class Story:
    """Hold the names of a place, an hour and an air."""

    place: str
    hour: str
    air: str


def story_of(brief: Brief) -> Story:
    """Choose by the words of the prompt, and by the prompt as a whole where no word helps."""
    prompt = brief.prompt.lower()
    dice = random.Random(prompt)  # noqa: S311
    place = _found(_PLACES, prompt) or dice.choice(tuple(_PLACES))
    hour = _found(_HOURS, prompt) or dice.choice(_USUAL_HOURS)
    air = _found(_AIRS, prompt) or _USUAL_AIRS[place]
    if air == "rain" and hour in ("day", "golden"):
        hour = "storm"
    if air == "birds" and hour in ("night", "storm"):
        air = "dust"
    if air == "fireflies" and hour == "day":
        air = "dust"
    return Story(place, hour, air)


def _found(table: dict[str, str], prompt: str) -> str | None:
    """Return the entry with the most words in the prompt; the earliest word settles a draw."""
    best, best_score = None, (0, 0)
    for name, words in table.items():
        places = [prompt.find(word) for word in words.split()]
        hits = [place for place in places if place >= 0]
        score = (len(hits), -min(hits, default=0))
        if hits and (best is None or score > best_score):
            best, best_score = name, score
    return best
