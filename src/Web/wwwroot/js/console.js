// Starts the circuit, keeps the theme, and waits quietly when the server is away.

window.osv = {
    setTheme(theme) {
        document.cookie = `osv-theme=${theme};path=/;max-age=31536000;samesite=lax`;
        document.documentElement.dataset.theme = theme;
    },
    copy: text => navigator.clipboard.writeText(text),
};

const notice = document.getElementById("connection");
const pause = milliseconds => new Promise(done => setTimeout(done, milliseconds));

async function serverAnswers() {
    try {
        return (await fetch("/readyz", { cache: "no-store" })).ok;
    } catch {
        return false;
    }
}

let down = false;

// The state of a page is in its address and in the database, so a lost circuit costs a reload and nothing else.
async function reconnect() {
    if (down) return;
    down = true;
    await pause(1500);
    if (down) notice.hidden = false;
    for (let wait = 500; down; wait = Math.min(wait * 2, 5000)) {
        await pause(wait);
        if (!await serverAnswers()) continue;
        try {
            if (await Blazor.reconnect()) return;
        } catch {
            continue;
        }
        location.reload();
        return;
    }
}

await Blazor.start({
    circuit: {
        reconnectionHandler: {
            onConnectionDown: () => { reconnect(); },
            onConnectionUp: () => { down = false; notice.hidden = true; },
        },
    },
});
