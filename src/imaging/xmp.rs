//! The XMP packet that carries a picture's record in JPEG and WebP files.
//!
//! One property in a namespace of our own holds the record as JSON text; other programs keep such packets when they
//! copy a picture. The form is that of the XMP specification, part 1, section 7:
//! <https://github.com/adobe/XMP-Toolkit-SDK/blob/main/docs/XMPSpecificationPart1.pdf>

/// The namespace of our one property.
const NAMESPACE: &str = "https://github.com/flux-qfaces/flux-qfaces/ns/1.0/";

/// What stands before the record, apart from the escaped text itself.
const OPENING: &str = "<fq:record>";

/// What stands after it.
const CLOSING: &str = "</fq:record>";

/// Wraps `record` in a packet.
pub(super) fn packet(record: &str) -> String {
    let escaped = record
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    format!(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\
         <x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\
         <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\
         <rdf:Description rdf:about=\"\" xmlns:fq=\"{NAMESPACE}\">{OPENING}{escaped}{CLOSING}</rdf:Description>\
         </rdf:RDF></x:xmpmeta><?xpacket end=\"r\"?>"
    )
}

/// The record in a packet of ours; `None` for the packets of other programs.
pub(super) fn record(packet: &[u8]) -> Option<String> {
    let packet = std::str::from_utf8(packet).ok()?;
    let (_, rest) = packet.split_once(OPENING)?;
    let (escaped, _) = rest.split_once(CLOSING)?;
    Some(
        escaped
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}
