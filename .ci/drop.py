#!/usr/bin/python3
"""Drags files over an X11 window and drops them there, as a file manager does: drop.py WINDOW X Y FILE...

WINDOW is a decimal id as xdotool prints it; X and Y are relative to it. The script is the source of a real XDND 5 drag:
it takes hold of the pointer in the corner of the screen, carries it to the place, speaks with the window there, lets go
and hands the files over. As in life, the window learns where the pointer is only when it is let go: just before the
drop, or with --late after it. Ends with 0 when the target has the files, otherwise with 1 and a sentence on stderr.

Needs python3-xlib, which Debian installs for /usr/bin/python3 only. The protocol, with the numbers of each message:
https://freedesktop.org/wiki/Specifications/XDND/
"""

import argparse
import os
import select
import sys
import time
import urllib.parse

from Xlib import X, Xatom, display, error
from Xlib.ext import xinput
from Xlib.protocol import event

PATIENCE_SECS = 10
LATE_SECS = 0.2
# The X server's number for the pointer that all mice move.
POINTER = 2


class Drag:
    def __init__(self, files):
        paths = [urllib.parse.quote(os.fsencode(os.path.abspath(file))) for file in files]
        self.uris = "".join(f"file://{path}\r\n" for path in paths).encode()
        self.display = display.Display()
        self.atom = self.display.intern_atom
        # What goes wrong between the target and us shows as an answer that does not come.
        self.display.set_error_handler(lambda *_: None)
        self.root = self.display.screen().root
        # One pixel hides nothing in a screenshot.
        look = {"override_redirect": True, "event_mask": X.PropertyChangeMask}
        self.source = self.root.create_window(0, 0, 1, 1, 0, X.CopyFromParent, **look)
        self.source.map()
        # Only an event tells the server's time.
        self.source.change_property(Xatom.WM_NAME, Xatom.STRING, 8, b"drop.py")
        self.time = self.wait(lambda got: got.type == X.PropertyNotify, "the X server sends no events").time
        self.move(0, 0)
        # The old grab, XGrabPointer, would let the window see the pointer come in; GTK and Qt use this one.
        modes = (xinput.GrabModeAsync, xinput.GrabModeAsync)
        if self.source.xinput_grab_device(POINTER, self.time, *modes, False, 0).status != X.GrabSuccess:
            fail("another program holds the pointer")
        self.source.set_selection_owner(self.atom("XdndSelection"), self.time)

    def enter(self, window, x, y):
        """Goes to the place, and speaks from now on with the outermost window there that takes drops."""
        place = self.root.translate_coords(window, x, y)
        self.x, self.y = place.x, place.y
        self.move(self.x, self.y)
        chain = [self.root]
        while child := chain[-1].translate_coords(self.root, self.x, self.y).child:
            chain.append(child)
        if window not in [found.id for found in chain]:
            fail(f"window {window} is not what lies at {self.x},{self.y} of the screen")
        for self.target in chain:
            if aware := self.target.get_full_property(self.atom("XdndAware"), X.AnyPropertyType):
                return self.tell("XdndEnter", min(5, aware.value[0]) << 24, self.atom("text/uri-list"))
        fail(f"neither window {window} nor one around or inside it takes drops (XdndAware)")

    def hover(self):
        self.tell("XdndPosition", 0, self.x << 16 | self.y, self.time, self.atom("XdndActionCopy"))
        if not self.accepted("XdndStatus"):
            self.leave()
            fail(f"window {self.target.id} refuses the files")

    def leave(self):
        self.tell("XdndLeave")
        self.move(0, 0)

    def drop(self, late):
        if not late:
            self.display.xinput_ungrab_device(POINTER, X.CurrentTime)
        self.tell("XdndDrop", 0, self.time)
        if not self.accepted("XdndFinished"):
            fail(f"window {self.target.id} did not take the files that it had accepted")
        if late:
            time.sleep(LATE_SECS)
            self.display.xinput_ungrab_device(POINTER, X.CurrentTime)
        # No hand stays quite still.
        self.move(self.x + 1, self.y)

    def move(self, x, y):
        self.display.xtest_fake_input(X.MotionNotify, x=x, y=y)
        self.display.sync()

    def tell(self, message, *numbers):
        data = (32, [self.source.id, *numbers, 0, 0, 0, 0][:5])
        self.target.send_event(event.ClientMessage(window=self.target, client_type=self.atom(message), data=data))

    def accepted(self, message):
        kind, silent = self.atom(message), f"window {self.target.id} sent no {message} within {PATIENCE_SECS} s"
        return self.wait(lambda got: got.type == X.ClientMessage and got.client_type == kind, silent).data[1][1] & 1

    def wait(self, wanted, silent):
        """Gives the next event that is `wanted`; the target may ask for the files at any time meanwhile."""
        end = time.monotonic() + PATIENCE_SECS
        while (left := end - time.monotonic()) > 0:
            if not self.display.pending_events():
                select.select([self.display], [], [], left)
            elif (got := self.display.next_event()).type == X.SelectionRequest:
                self.hand_over(got)
            elif wanted(got):
                return got
        fail(silent)

    def hand_over(self, request):
        kind, asker, place = request.target, request.requestor, request.property or request.target
        if kind == self.atom("text/uri-list"):
            asker.change_property(place, kind, 8, self.uris)
        elif kind == self.atom("TARGETS"):
            asker.change_property(place, Xatom.ATOM, 32, [kind, self.atom("text/uri-list")])
        else:
            place = X.NONE
        same = {"time": request.time, "requestor": asker, "selection": request.selection, "target": kind}
        asker.send_event(event.SelectionNotify(property=place, **same))


def fail(sentence):
    sys.exit(f"drop.py: {sentence}")


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
for number in ("window", "x", "y"):
    parser.add_argument(number, type=int)
parser.add_argument("file", nargs="+")
parser.add_argument("--hover", type=float, default=0, metavar="SECONDS", help="stay this long before the end")
parser.add_argument("--leave", action="store_true", help="leave without a drop")
parser.add_argument("--late", action="store_true", help="let go of the pointer after the drop, not before it")
args = parser.parse_args()
if missing := [file for file in args.file if not os.path.exists(file)]:
    fail(f"there is no file {missing[0]}")
try:
    drag = Drag(args.file)
    drag.enter(args.window, args.x, args.y)
    end = time.monotonic() + args.hover
    drag.hover()
    while time.monotonic() < end:
        time.sleep(0.1)
        drag.hover()
    drag.leave() if args.leave else drag.drop(args.late)
except (error.DisplayError, error.ConnectionClosedError, error.XError) as problem:
    fail(f"the X server says {type(problem).__name__}")
