// The console of a tenant: a terminal on a WebSocket. src/Web/Consoles/ConsoleSocket.cs is the other end.
import { Terminal } from "../lib/xterm/xterm.mjs";
import { FitAddon } from "../lib/xterm-addon-fit/addon-fit.mjs";

const firstPause = 500, longestPause = 5000;

// Keys that are kept while there is no connection.
const mostKeys = 1024;

export function open(element, status, empty, path, mayType) {
    const terminal = new Terminal({
        disableStdin: !mayType, cursorBlink: false, cursorInactiveStyle: mayType ? "outline" : "none", scrollback: 50000, fontSize: 13, screenReaderMode: true,
        fontFamily: 'ui-monospace, "SFMono-Regular", Menlo, "DejaVu Sans Mono", monospace',
        // A serial console prints what was made for 80 columns or more; there is nobody on it to be told of another size.
        theme: {
            background: "#0b0f14", foreground: "#d7dee8", cursor: "#8fb7ff", selectionBackground: "#33507a",
            // Each has a contrast of more than 4.5 to 1 on the background, black excepted.
            black: "#1c2430", red: "#ff7b72", green: "#6fdd8b", yellow: "#e3b341", blue: "#79b8ff", magenta: "#d2a8ff", cyan: "#56d4dd", white: "#d7dee8",
            brightBlack: "#8b98a9", brightRed: "#ffa198", brightGreen: "#9be9a8", brightYellow: "#f2cc60", brightBlue: "#a5d0ff", brightMagenta: "#e2c5ff", brightCyan: "#8ae9ef", brightWhite: "#ffffff",
        },
    });
    const fit = new FitAddon(), encoder = new TextEncoder();
    terminal.loadAddon(fit);
    terminal.open(element);
    fit.fit();
    const resized = new ResizeObserver(() => fit.fit());
    resized.observe(element);

    let socket = null, position = null, pause = firstPause, closed = false, timer = 0, live = false, waiting = [];

    function say(text, state) {
        status.textContent = text;
        status.dataset.state = state;
    }

    function connect() {
        const url = new URL(path, location.href);
        url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
        if (position !== null) url.searchParams.set("from", position);
        socket = new WebSocket(url);
        socket.binaryType = "arraybuffer";
        socket.onmessage = message => {
            if (typeof message.data === "string") {
                notice(JSON.parse(message.data));
                return;
            }
            const bytes = new Uint8Array(message.data);
            position += bytes.length;
            empty.hidden = true;
            terminal.write(bytes);
        };
        socket.onclose = () => {
            live = false;
            if (closed) return;
            say("reconnecting", "waiting");
            timer = setTimeout(connect, pause);
            pause = Math.min(pause * 2, longestPause);
        };
    }

    function notice(what) {
        switch (what.kind) {
            case "start":
                position = what.position;
                break;
            case "live":
                pause = firstPause;
                say(mayType ? "live" : "live, read-only", "live");
                empty.hidden = what.position > 0;
                live = true;
                waiting.splice(0).forEach(type);
                break;
            case "lost":
                terminal.write(`\r\n\x1b[33m[${what.bytes} bytes of the console are missing here]\x1b[0m\r\n`);
                break;
            case "refused":
                say(what.message, "refused");
                break;
            case "ended":
                say(what.message, "refused");
                close();
                break;
        }
    }

    function type(bytes) {
        if (!live || socket?.readyState !== WebSocket.OPEN) {
            // Whoever types while the console is being opened means it.
            if (!closed && waiting.length < mostKeys) waiting.push(bytes);
            return;
        }
        if (status.dataset.state === "refused") say("live", "live");
        socket.send(bytes);
    }

    function close() {
        closed = true;
        clearTimeout(timer);
        socket?.close();
    }

    terminal.attachCustomKeyEventHandler(key => {
        if (key.type !== "keydown") return true;
        if (key.key === "F6" && key.shiftKey) {
            // Out of the terminal, which takes Tab for itself.
            key.preventDefault();
            terminal.blur();
            element.closest("section").querySelector("a")?.focus();
            return false;
        }
        if (key.code === "KeyC" && key.ctrlKey && key.shiftKey) {
            key.preventDefault();
            if (terminal.hasSelection()) navigator.clipboard?.writeText(terminal.getSelection());
            return false;
        }
        // Pasting is the browser's.
        if (key.code === "KeyV" && key.ctrlKey && key.shiftKey) return false;
        // Without stdin nothing is typed, so Tab goes on through the page.
        return mayType || key.key !== "Tab";
    });
    terminal.onData(text => type(encoder.encode(text)));
    terminal.onBinary(text => type(Uint8Array.from(text, character => character.charCodeAt(0))));
    connect();
    if (mayType) terminal.focus();

    return {
        close() {
            close();
            resized.disconnect();
            terminal.dispose();
        },
    };
}
