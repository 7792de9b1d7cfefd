//! What is done on the canvas while a button is held, or from click to click.

use egui::{Modifiers, PointerButton, Pos2, Rect};

use crate::imaging::mask::brush::{Brush, Dab};
use crate::imaging::mask::ink::{Ink, Point};
use crate::session::settings::Tool;
use crate::ui::canvas::open::Open;
use crate::ui::canvas::state::Canvas;
use crate::ui::canvas::tools::{self, Gesture, equal_sides, straightened, turned};

/// How near the first corner of a polygon a click closes it, in points.
const NEAR: f32 = 10.0;

impl Canvas {
    /// The tip of the brush, in pixels of the picture.
    pub(super) fn brush(&self) -> Brush {
        let options = self.options;
        let keeps_size = options.brush_keeps_size;
        let scale = if keeps_size { self.camera.zoom } else { 1.0 };
        Brush {
            radius: options.width / 2.0 / scale,
            hardness: options.hardness,
        }
    }

    /// A button goes down.
    pub(super) fn press(&mut self, at: Pos2, place: Rect, modifiers: Modifiers, open: &mut Open) {
        let point = self.camera.to_image(place, at);
        let is_right = self.pointer.button == Some(PointerButton::Secondary);
        let tool = self.options.tool;
        if is_right && modifiers.alt && tools::is_brush(tool) {
            let (from, before) = (at, self.options);
            self.gesture = Gesture::Tip { from, before };
            return;
        }
        let subtracts = modifiers.ctrl && !tools::is_brush(tool);
        let is_turned = is_right || modifiers.alt || subtracts;
        let ink = tools::ink(tool);
        let ink = if is_turned { turned(ink) } else { ink };
        let dab = self.dab(point);
        self.gesture = match tool {
            Tool::Brush | Tool::Eraser => {
                match open.last.filter(|_| modifiers.shift) {
                    Some(last) => {
                        let brush = self.brush();
                        open.mask.begin_stroke(brush, ink, Dab { at: last, ..dab });
                        open.mask.extend_stroke(dab);
                    }
                    None => open.mask.begin_stroke(self.brush(), ink, dab),
                }
                Gesture::Stroke
            }
            Tool::Rectangle | Tool::Ellipse | Tool::Crop => {
                let (from, to) = (point, point);
                Gesture::Span { from, to, ink }
            }
            Tool::Lasso => outline_from(point, ink),
            Tool::Polygon => self.corner(at, place, modifiers.shift, ink, open),
            Tool::Bucket => {
                let size = open.mask.size();
                let inside = |place: f32, side: u32| (0.0..side as f32).contains(&place);
                if inside(point.x, size.width) && inside(point.y, size.height) {
                    let (x, y) = (point.x as u32, point.y as u32);
                    let tolerance = self.options.tolerance;
                    open.mask.fill_colour(&open.picture, x, y, tolerance, ink);
                }
                Gesture::Idle
            }
            // Moves the picture instead.
            Tool::Hand => Gesture::Idle,
        };
    }

    /// A click with the polygon tool: another corner, or its end.
    fn corner(&mut self, at: Pos2, place: Rect, shift: bool, ink: Ink, open: &mut Open) -> Gesture {
        let point = self.camera.to_image(place, at);
        let Gesture::Outline { mut points, ink } = std::mem::take(&mut self.gesture) else {
            return outline_from(point, ink);
        };
        let distance = |corner: &Point| self.camera.to_screen(place, *corner).distance(at);
        let is_again = |last: &Point| distance(last) < NEAR / 4.0;
        let is_first = |first: &Point| distance(first) < NEAR;
        let is_end = points.last().is_some_and(is_again) || points.first().is_some_and(is_first);
        if points.len() > 2 && is_end {
            open.mask.fill_outline(&points, ink);
            return Gesture::Idle;
        }
        points.push(match points.last() {
            Some(last) if shift => straightened(*last, point),
            _ => point,
        });
        Gesture::Outline { points, ink }
    }

    /// The pointer moves while a button is held.
    pub(super) fn drag(&mut self, at: Pos2, place: Rect, modifiers: Modifiers, open: &mut Open) {
        if self.pointer.button.is_none() {
            return;
        }
        let point = self.camera.to_image(place, at);
        let dab = self.dab(point);
        match &mut self.gesture {
            Gesture::Stroke => open.mask.extend_stroke(dab),
            Gesture::Span { from, to, .. } => {
                *to = if modifiers.shift {
                    equal_sides(*from, point)
                } else {
                    point
                };
            }
            Gesture::Outline { points, .. } if self.options.tool == Tool::Lasso => {
                points.push(point);
            }
            Gesture::Tip { from, before } => {
                let moved = at - *from;
                let mut options = *before;
                let keeps_size = before.brush_keeps_size;
                let scale = if keeps_size { 1.0 } else { self.camera.zoom };
                let width = before.width + 2.0 * moved.x / scale;
                options.width = width.clamp(1.0, tools::WIDEST);
                options.hardness = (before.hardness - moved.y / 200.0).clamp(0.0, 1.0);
                self.options = options;
            }
            _ => {}
        }
    }

    /// The button that has begun the gesture goes up.
    pub(super) fn release(&mut self, at: Pos2, place: Rect, open: &mut Open) {
        let tool = self.options.tool;
        self.gesture = match std::mem::take(&mut self.gesture) {
            Gesture::Stroke => {
                open.mask.end_stroke();
                open.last = Some(self.camera.to_image(place, at));
                Gesture::Idle
            }
            Gesture::Span { from, to, .. } if tool == Tool::Crop => {
                // A click alone chooses nothing.
                let part = open.part(from, to);
                part.map_or(Gesture::Idle, |_| Gesture::Chosen { from, to })
            }
            Gesture::Span { from, to, ink } => {
                open.mask.fill_outline(&tools::outline(tool, from, to), ink);
                Gesture::Idle
            }
            Gesture::Outline { points, ink } if tool == Tool::Lasso => {
                open.mask.fill_outline(&points, ink);
                Gesture::Idle
            }
            // A polygon waits for its next corner, and a part that was chosen for a word.
            waiting @ (Gesture::Outline { .. } | Gesture::Chosen { .. }) => waiting,
            Gesture::Tip { .. } | Gesture::Idle => Gesture::Idle,
        };
    }

    /// Ends what depends on a button that is held, as if it had gone up: its release will not be seen. What was painted
    /// stays.
    pub(super) fn let_go(&mut self, open: &mut Open) {
        self.pointer.pan = None;
        self.pointer.touch = None;
        if self.pointer.button.take().is_none() {
            return;
        }
        self.gesture = match std::mem::take(&mut self.gesture) {
            polygon @ Gesture::Outline { .. } if self.options.tool == Tool::Polygon => polygon,
            chosen @ Gesture::Chosen { .. } => chosen,
            _ => Gesture::Idle,
        };
        open.mask.end_stroke();
    }

    /// Ends a polygon that has enough corners.
    pub(super) fn close_outline(&mut self, open: &mut Open) {
        if let Gesture::Outline { points, ink } = std::mem::take(&mut self.gesture) {
            open.mask.fill_outline(&points, ink);
        }
    }

    /// Takes the last corner of a polygon back, or gives up what is being done; returns whether there was anything.
    pub(super) fn step_back(&mut self, open: &mut Open) -> bool {
        if let Gesture::Outline { points, .. } = &mut self.gesture
            && self.options.tool == Tool::Polygon
            && points.len() > 1
        {
            points.pop();
            return true;
        }
        self.give_up(open)
    }

    /// Gives up what is being done; returns whether there was anything.
    pub(super) fn give_up(&mut self, open: &mut Open) -> bool {
        match std::mem::take(&mut self.gesture) {
            Gesture::Idle => return false,
            Gesture::Stroke => open.mask.undo(),
            Gesture::Tip { before, .. } => self.options = before,
            Gesture::Span { .. } | Gesture::Outline { .. } | Gesture::Chosen { .. } => {}
        }
        self.pointer.button = None;
        true
    }

    /// What the pointer is at `point`.
    fn dab(&self, point: Point) -> Dab {
        // A pen that does not tell its pressure, and a mouse, press fully.
        let force = self.pointer.touch.and_then(|(_, force)| force);
        let pressure = force.filter(|force| *force > 0.0).unwrap_or(1.0);
        let pressure = pressure.clamp(0.05, 1.0);
        Dab {
            at: point,
            pressure,
        }
    }
}

fn outline_from(point: Point, ink: Ink) -> Gesture {
    let points = vec![point];
    Gesture::Outline { points, ink }
}
