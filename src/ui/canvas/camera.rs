//! How the canvas looks at a picture: where it is, and how large.

use egui::{Pos2, Rect, Vec2, vec2};

use crate::imaging::mask::ink::Point;

/// The most points a pixel can be shown with.
const MOST: f32 = 64.0;

/// The least part of its place that a picture can be shrunk to.
const LEAST_OF_PLACE: f32 = 0.25;

/// What is looked at, and where it is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    /// The place on the screen, in points.
    pub(super) place: Rect,
    /// The rectangle of pixels that there is to see.
    pub(super) bounds: Rect,
}

/// Maps pixels of a picture to points of a place on the screen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Camera {
    /// Points a pixel takes.
    pub(super) zoom: f32,
    /// The pixel in the middle of the place.
    middle: Vec2,
    /// Whether the picture stays fitted when its place changes.
    follows: bool,
}

impl Default for Camera {
    fn default() -> Self {
        Self {
            zoom: 1.0,
            middle: Vec2::ZERO,
            follows: true,
        }
    }
}

impl Camera {
    /// Shows all of the picture from now on.
    pub(super) fn fit(&mut self) {
        self.follows = true;
    }

    /// Takes the present place in: a fitted picture is fitted again.
    pub(super) fn settle(&mut self, sight: Sight) {
        if self.follows {
            self.zoom = fitting(sight);
            self.middle = sight.bounds.center().to_vec2();
        }
    }

    /// Sets the zoom; what is in the middle stays there.
    pub(super) fn zoom_to(&mut self, zoom: f32, sight: Sight) {
        self.zoom_by(zoom / self.zoom, sight.place.center(), sight);
    }

    /// Zooms by a factor; what is under `fixed` stays there.
    pub(super) fn zoom_by(&mut self, factor: f32, fixed: Pos2, sight: Sight) {
        let least = (fitting(sight) * LEAST_OF_PLACE).min(1.0);
        let zoom = (self.zoom * factor).clamp(least, MOST.max(least));
        let from_middle = fixed - sight.place.center();
        self.middle += from_middle / self.zoom - from_middle / zoom;
        self.zoom = zoom;
        self.follows = false;
        self.keep_in_sight(sight.bounds);
    }

    /// Moves the picture by a distance in points.
    pub(super) fn pan(&mut self, by: Vec2, bounds: Rect) {
        self.middle -= by / self.zoom;
        self.follows = false;
        self.keep_in_sight(bounds);
    }

    /// Keeps some of the picture in the middle of the place, so that it cannot be lost.
    fn keep_in_sight(&mut self, bounds: Rect) {
        let (min, max) = (bounds.min.to_vec2(), bounds.max.to_vec2());
        self.middle = self.middle.clamp(min, max);
    }

    /// A pixel's place on the screen.
    pub(super) fn to_screen(self, place: Rect, point: Point) -> Pos2 {
        place.center() + (vec2(point.x, point.y) - self.middle) * self.zoom
    }

    /// The pixel at a place on the screen; it may lie outside the picture.
    pub(super) fn to_image(self, place: Rect, at: Pos2) -> Point {
        let Vec2 { x, y } = (at - place.center()) / self.zoom + self.middle;
        Point { x, y }
    }

    /// Where a rectangle of pixels is on the screen.
    pub(super) fn rect_to_screen(self, place: Rect, rect: Rect) -> Rect {
        let to_screen = |Pos2 { x, y }| self.to_screen(place, Point { x, y });
        Rect::from_min_max(to_screen(rect.min), to_screen(rect.max))
    }
}

/// The zoom at which the picture fills its place.
fn fitting(sight: Sight) -> f32 {
    let Sight { place, bounds } = sight;
    let share = place.size() / bounds.size().max(Vec2::splat(1.0));
    share.min_elem().max(1e-3)
}

#[cfg(test)]
mod tests {
    use super::{Camera, Point, Sight};
    use egui::{Pos2, Rect, Vec2, pos2, vec2};

    const PLACE: Rect = Rect {
        min: pos2(100.0, 50.0),
        max: pos2(500.0, 350.0),
    };

    fn seen(place: Rect, size: Vec2) -> Sight {
        Sight {
            place,
            bounds: Rect::from_min_size(Pos2::ZERO, size),
        }
    }

    #[test]
    fn zooming_keeps_the_pixel_under_the_pointer() {
        let sight = seen(PLACE, vec2(4000.0, 3000.0));
        let mut camera = Camera::default();
        camera.settle(sight);
        let pointer = pos2(320.0, 210.0);
        let before = camera.to_image(PLACE, pointer);
        for factor in [1.5, 3.0, 0.7, 8.0] {
            camera.zoom_by(factor, pointer, sight);
            let now = camera.to_image(PLACE, pointer);
            assert!((now.x - before.x).abs() < 0.1 && (now.y - before.y).abs() < 0.1);
        }
    }

    #[test]
    fn a_fitted_picture_fills_its_place_until_it_is_zoomed() {
        let size = vec2(4000.0, 1000.0);
        let mut camera = Camera::default();
        camera.settle(seen(PLACE, size));
        let corner = camera.to_screen(PLACE, Point { x: 0.0, y: 0.0 });
        assert!((corner.x - PLACE.min.x).abs() < 1e-3);
        let wider = PLACE.expand(50.0);
        camera.settle(seen(wider, size));
        let corner = camera.to_screen(wider, Point { x: 0.0, y: 0.0 });
        assert!((corner.x - wider.min.x).abs() < 1e-3);
        camera.zoom_to(1.0, seen(wider, size));
        camera.settle(seen(PLACE, size));
        assert!((camera.zoom - 1.0).abs() < 1e-6);
    }
}
