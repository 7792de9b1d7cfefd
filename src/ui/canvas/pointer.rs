//! What the pointer does on the canvas, event by event: every place it has been at counts, not one a frame.

use egui::{Event, Key, MouseWheelUnit, PointerButton, Response, TouchId, TouchPhase, Ui};

use crate::session::settings::Tool;
use crate::ui::canvas::camera::Sight;
use crate::ui::canvas::open::Open;
use crate::ui::canvas::state::Canvas;
use crate::ui::canvas::tools;

/// How many points of a touchpad's scrolling are a notch of a wheel.
const POINTS_PER_NOTCH: f32 = 50.0;

impl Canvas {
    /// Takes in what pointer and wheel have done.
    pub(super) fn listen(&mut self, ui: &Ui, response: &Response, sight: Sight, open: &mut Open) {
        let Sight { place, bounds } = sight;
        let is_over = response.contains_pointer() || response.is_pointer_button_down_on();
        let events = ui.input(|input| input.events.clone());
        let (modifiers, space) = ui.input(|input| (input.modifiers, input.key_down(Key::Space)));
        let space = space && !ui.ctx().text_edit_focused();
        for event in events {
            match event {
                Event::WindowFocused(false) => self.let_go(open),
                Event::Touch {
                    id, phase, force, ..
                } => self.touch(id, phase, force),
                Event::PointerMoved(at) => {
                    let from = self.pointer.at.replace(at).unwrap_or(at);
                    let pans_with_space = space && self.pointer.button.is_some();
                    if self.pointer.pans() || pans_with_space {
                        self.camera.pan(at - from, bounds);
                    } else {
                        self.drag(at, place, modifiers, open);
                    }
                }
                Event::PointerButton {
                    pos,
                    button,
                    pressed: true,
                    modifiers,
                } if is_over && response.rect.contains(pos) => {
                    self.pointer.at = Some(pos);
                    if self.pointer.button == Some(button) || self.pointer.pan == Some(button) {
                        // Its release was lost, for example outside the window.
                        self.let_go(open);
                    }
                    if !self.pointer.is_held() {
                        self.pointer.place = Some(response.rect);
                    }
                    let is_hand = self.options.tool == Tool::Hand;
                    let pans = button == PointerButton::Middle || space || is_hand;
                    if pans && self.pointer.pan.is_none() {
                        self.pointer.pan = Some(button);
                    } else if !pans && self.pointer.button.is_none() {
                        response.request_focus();
                        self.pointer.button = Some(button);
                        self.press(pos, place, modifiers, open);
                    }
                }
                Event::PointerButton {
                    pos,
                    button,
                    pressed: false,
                    ..
                } => {
                    self.pointer.at = Some(pos);
                    if self.pointer.pan == Some(button) {
                        self.pointer.pan = None;
                    } else if self.pointer.button == Some(button) {
                        self.pointer.button = None;
                        self.release(pos, place, open);
                    }
                }
                Event::MouseWheel {
                    unit,
                    delta,
                    modifiers,
                    ..
                } if is_over => {
                    let notches = match unit {
                        MouseWheelUnit::Point => delta.y / POINTS_PER_NOTCH,
                        MouseWheelUnit::Line => delta.y,
                        MouseWheelUnit::Page => delta.y * 8.0,
                    };
                    let has_ctrl = modifiers.command || modifiers.ctrl;
                    if has_ctrl != self.options.ctrl_zooms {
                        tools::widen(&mut self.options, notches);
                    } else if has_ctrl {
                        self.zoom((notches * 0.2).exp(), sight);
                    }
                }
                Event::Zoom(factor) if is_over => self.zoom(factor, sight),
                _ => {}
            }
        }
        // Without Ctrl the wheel zooms smoothly.
        let scroll = ui.input(|input| input.smooth_scroll_delta().y);
        if is_over && !self.options.ctrl_zooms && scroll != 0.0 {
            self.zoom((scroll / 240.0).exp(), sight);
        }
    }

    /// Zooms at the pointer.
    fn zoom(&mut self, factor: f32, sight: Sight) {
        if let Some(at) = self.pointer.at {
            self.camera.zoom_by(factor, at, sight);
        }
    }

    /// A pen or a finger does something. Only the first one counts.
    fn touch(&mut self, id: TouchId, phase: TouchPhase, force: Option<f32>) {
        let ends = matches!(phase, TouchPhase::End | TouchPhase::Cancel);
        match self.pointer.touch {
            Some((first, _)) if first != id => {}
            Some(_) if ends => self.pointer.touch = None,
            Some((_, before)) => self.pointer.touch = Some((id, force.or(before))),
            None if !ends => self.pointer.touch = Some((id, force)),
            None => {}
        }
    }
}
