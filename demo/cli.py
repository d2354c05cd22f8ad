"""`./fieldpost demo`: the product's main job on this machine, played, checked, and left running."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from demo import stage as staging
from demo.checks import checks
from demo.scenario import Scenario
from demo.screen import Screen
from demo.stage import ACCOUNTS, Stage
from launcher.installation import ROOT, InstallationError
from launcher.processes import StartError, StoppingError

CHECKS = 7
STEPS = 15


def main(argv: list[str] | None = None) -> int:
    """Play the demo; 0 when every step and every check held."""
    options = _options(argv)
    screen = Screen(STEPS + CHECKS)
    data = options.data.expanduser().resolve()
    if options.reset:
        staging.reset(data)
    try:
        with staging.running(data, options.port, options.database_url, screen.say) as stage:
            stage.set_up()
            held = _play(stage, screen, options.photos)
            _show(stage, screen)
            if held and not options.exit:
                screen.say("Ctrl-C 结束 · Ctrl-C ends it")
                stage.supervisor.stopping.wait()
            return 0 if held else 1
    except StoppingError:
        return 130
    except (StartError, InstallationError) as failure:
        screen.fail("启动", "start", str(failure))
        return 1


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fieldpost demo", description=__doc__)
    parser.add_argument("--exit", action="store_true", help="stop by itself at the end (结束后退出)")
    parser.add_argument("--reset", action="store_true", help="forget an earlier demo first (重新开始)")
    parser.add_argument("--photos", type=Path, help="a folder of JPEG photos of your own (使用自己的照片)")
    parser.add_argument("--data", type=Path, default=ROOT / "var" / "demo", help="the demo's data folder")
    parser.add_argument("--port", type=int, help="the web port; a free one otherwise")
    database_url = os.environ.get("FIELDPOST_DATABASE_URL") or None
    parser.add_argument("--database-url", default=database_url, help="PostgreSQL instead of SQLite; an empty database")
    options = parser.parse_args(argv)
    if options.photos is not None and not options.photos.is_dir():
        parser.error(f"{options.photos} is not a folder")
    return options


def _play(stage: Stage, screen: Screen, photos: Path | None) -> bool:
    """Run every step and check, in order; the first that fails is named and ends it."""
    scenario = Scenario(stage, screen.upload, photos)
    at = ("", "")
    try:
        with screen.play():
            for zh, en, step in scenario.steps:
                at = (zh, en)
                with screen.step(zh, en):
                    step()
            for zh, en, check in checks(scenario):
                at = (zh, en)
                with screen.step(zh, en):
                    check()
    except Exception as error:  # noqa: BLE001 - whatever it is, the step's name is what the person needs
        screen.fail(*at, f"{type(error).__name__}: {error}")
        return False
    finally:
        scenario.close()
    return True


def _show(stage: Stage, screen: Screen) -> None:
    url = stage.installation.url
    desk = ", ".join(f"{one.username} / {stage.passwords[one.username]}" for one in ACCOUNTS[-2:])
    field = ", ".join(f"{one.username} / {stage.passwords[one.username]}" for one in ACCOUNTS[:-2])
    screen.show(
        [
            ("控制台 · console", f"{url}/console/"),
            ("接口 · API", f"{url}/api/v1/docs"),
            ("账号 · accounts", desk),
            ("终端账号 · on terminals", field),
            ("数据 · data", str(stage.folder)),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
