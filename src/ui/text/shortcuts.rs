//! The list of shortcuts.

pub(crate) const OPEN: &str = "Open a starting picture";
pub(crate) const GENERATE: &str = "Generate";
pub(crate) const RESULTS: &str = "Results";
pub(crate) const CANVAS: &str = "Canvas";
pub(crate) const UNDO: &str = "Take the last step on the mask back";
pub(crate) const REDO: &str = "Do it again";
pub(crate) const FIT: &str = "Fit the picture; with 1 to 4 in place of 0: 100, 200, 400, 800 %";
pub(crate) const CANCEL: &str = "Cancel what is running";
pub(crate) const PANELS: &str = "Hide or show the panels at the sides";
pub(crate) const QUEUE: &str = "Hide or show the queue";
pub(crate) const LIST: &str = "This list";

/// Keys of the list that are not shortcuts of one kind.
pub(crate) const ALSO: [(&str, &str); 4] = [
    ("← →", "Newer and older picture"),
    ("Home End", "Newest and oldest picture"),
    (
        "Wheel",
        "Zoom the picture; drag moves it, a double click fits it",
    ),
    ("Hold C", "The starting picture in place of the result"),
];

/// Keys of the canvas besides the letters of its tools.
pub(crate) const ON_CANVAS: [(&str, &str); 10] = [
    ("Enter, Esc", "Finish or give up a polygon or a part to cut"),
    (
        "[  ]",
        "Narrower and wider brush; with Shift softer and harder",
    ),
    (
        "Wheel with Ctrl",
        "Width of the brush (the settings turn it round)",
    ),
    ("X", "Brush or eraser"),
    (
        "Alt, right button",
        "Erase in place of painting, and the reverse",
    ),
    (
        "Shift",
        "Straight line from the last stroke; square, circle",
    ),
    (
        "Space, middle button",
        "Move the picture, also during a stroke",
    ),
    ("Alt+right button", "Drag: width and hardness of the brush"),
    ("M, hold \\", "Hide the mask"),
    ("Shift+V", "Invert the mask"),
];
