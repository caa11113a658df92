// Lines over time, in the colours of the theme.
import uPlot from "../lib/uplot/uPlot.esm.js";

const clock = seconds => new Date(seconds * 1000).toISOString().slice(11, 19);
const hues = [210, 347, 125, 262, 40, 177, 315, 92];
// A ninth line looks like the first but for its dashes.
const dashes = [[], [8, 4], [2, 3]];

export function open(element) {
    let plot = null, last = null;

    function build() {
        plot?.destroy();
        if (last === null) return;
        const style = getComputedStyle(element), dark = isDark(style);
        const text = style.getPropertyValue("--mud-palette-text-secondary"), line = style.getPropertyValue("--mud-palette-divider");
        const axis = { stroke: text, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
        plot = new uPlot({
            width: element.clientWidth || 600, height: 280, cursor: { drag: { x: true, y: false } }, scales: { y: { range: (_, low, high) => [0, Math.max(high, 1)] } },
            axes: [{ ...axis, values: (_, seconds) => seconds.map(clock) }, { ...axis, size: 70 }],
            series: [{ label: "UTC", value: (_, seconds) => seconds === null ? "-" : clock(seconds) }, ...last.reasons.map((reason, i) => ({ label: reason, stroke: `hsl(${hues[i % hues.length]} 65% ${dark ? 68 : 38}%)`, dash: dashes[Math.floor(i / hues.length) % dashes.length], width: 2, points: { show: false }, value: (_, v) => v === null ? "-" : v.toFixed(1) }))],
        }, [last.seconds, ...last.values], element);
    }

    const resized = new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height: 280 }));
    resized.observe(element);
    const themed = new MutationObserver(() => setTimeout(build, 50));
    themed.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    return {
        draw(reasons, seconds, values) {
            const same = last !== null && last.reasons.join() === reasons.join();
            last = { reasons, seconds, values };
            if (same) plot.setData([seconds, ...values]);
            else build();
        },
        close() {
            resized.disconnect();
            themed.disconnect();
            plot?.destroy();
        },
    };
}

function isDark(style) {
    const [red, green, blue] = style.color.match(/\d+/g).map(Number);
    return red + green + blue > 384;
}
