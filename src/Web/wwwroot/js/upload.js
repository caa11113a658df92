// Sends a form with files straight to the API, with progress; nothing passes through the circuit.

let running = null;

export async function send(form, page) {
    const { token } = await (await fetch("/api/v1/session/antiforgery")).json();
    const data = new FormData();
    // Fields come before files, so that the server can refuse before it stores anything.
    for (const field of form.querySelectorAll("[data-field]")) data.append(field.dataset.field, field.dataset.value ?? "");
    for (const input of form.querySelectorAll("input[type=file]")) if (input.files.length > 0) data.append(input.name, input.files[0]);
    return new Promise(done => {
        running = new XMLHttpRequest();
        running.open("POST", "/api/v1/images");
        running.setRequestHeader("X-Osv-Antiforgery", token);
        running.upload.onprogress = event => page.invokeMethodAsync("Progress", event.loaded, event.total);
        running.onload = () => done({ status: running.status, message: detail(running.responseText) });
        running.onerror = () => done({ status: 0, message: "the connection was lost: try again" });
        running.onabort = () => done({ status: 0, message: "the upload was stopped" });
        running.send(data);
    });
}

export function stop() {
    running?.abort();
}

function detail(text) {
    try {
        return JSON.parse(text).detail ?? "";
    } catch {
        return text;
    }
}
