//! When the page itself breaks: say so and offer a reload, never a dead screen.

use leptos::prelude::document;

/// Sets the hook. It uses nothing of the page but its document, since nothing else can be relied on then.
pub fn install() {
    std::panic::set_hook(Box::new(|info| {
        leptos::logging::error!("{info}");
        let Some(body) = document().body() else { return };
        if document().get_element_by_id("panicked").is_some() {
            return;
        }
        let Ok(banner) = document().create_element("div") else { return };
        banner.set_id("panicked");
        banner.set_class_name("panicked");
        let _ = banner.set_attribute("role", "alert");
        let _ = banner.set_attribute("data-testid", "panicked");
        banner.set_inner_html(
            "<p><strong>The page has a fault and stopped.</strong> Nothing on your disk or on a server was touched. \
             Reload it to go on; what it says on the console helps to repair it.</p>\
             <a class=\"button bright\" href=\"./\">Reload the page</a>",
        );
        let _ = body.append_child(&banner);
    }));
}
