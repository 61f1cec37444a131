/* SPDX-License-Identifier: MIT */
/* The report's style sheet. Its dark colours are those of plot_dark. */
#ifndef COW_TRAINER_REPORT_STYLE_H
#define COW_TRAINER_REPORT_STYLE_H

static const char report_style[] =
    ":root{color-scheme:light dark;--page:#f4f5f6;--paper:#fff;--ink:#212429;--muted:#61666e;--line:#dfe1e4;--blue:#0072b2;"
    "--warn:#fdf3e1;--warn-line:#e69f00}"
    "@media(prefers-color-scheme:dark){:root{--page:#121418;--paper:#1c1f24;--ink:#e8ebf0;--muted:#a3a8b3;--line:#3d424a;"
    "--blue:#4daae6;--warn:#33290f;--warn-line:#f0b43c}}"
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\","
    "\"DejaVu Sans\",sans-serif}"
    "main{max-width:76rem;margin:0 auto;padding:1.5rem 1rem 4rem}"
    "h1{font-size:1.7rem;line-height:1.25;margin:.2rem 0 .3rem;overflow-wrap:anywhere}"
    "h2{font-size:1.2rem;margin:2.4rem 0 .8rem}"
    "p{margin:.4rem 0}"
    ".muted{color:var(--muted)}"
    ".facts{display:flex;flex-wrap:wrap;gap:.1rem "
    "1.6rem;color:var(--muted);font-size:.9rem;margin:0;padding:0;list-style:none;overflow-wrap:anywhere}"
    ".cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.8rem;margin:1.4rem 0 0}"
    ".card{background:var(--paper);border:1px solid var(--line);border-radius:.6rem;padding:.8rem 1rem}"
    ".card b{display:block;font-size:1.55rem;line-height:1.2;font-variant-numeric:tabular-nums}"
    ".card span{color:var(--muted);font-size:.85rem}"
    ".warn{background:var(--warn);border-left:.3rem solid var(--warn-line);border-radius:.3rem;padding:.7rem 1rem;margin:1.2rem 0 0;"
    "overflow-wrap:anywhere}"
    ".warn ul{margin:.2rem 0 0;padding-left:1.2rem}"
    ".figures{display:flex;flex-wrap:wrap;gap:1rem;align-items:stretch;margin:1rem 0}"
    /* --w: a figure's width in pixels. Two share a line where each keeps most of it. */
    "figure{flex:1 1 calc(var(--w)*.85px);margin:0;background:var(--paper);border:1px solid var(--line);border-radius:.6rem;padding:.4rem;"
    "overflow-x:auto;max-width:min(100%,calc(var(--w)*1px + 5rem))}"
    "figure img{display:block;height:auto;max-width:100%;margin:0 auto}"
    ".table{background:var(--paper);border:1px solid var(--line);border-radius:.6rem;overflow-x:auto;max-width:100%}"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.93rem}"
    "th,td{padding:.45rem .8rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}"
    "tr:last-child td,tr:last-child th{border-bottom:0}"
    "th:first-child,td:first-child,td.left,th.left,td.path{text-align:left}"
    "td:first-child,tbody th{font-weight:500;white-space:normal;overflow-wrap:anywhere;min-width:9.3rem}"
    "thead th{color:var(--muted);font-weight:500;font-size:.85rem}"
    "tfoot td{color:var(--muted)}"
    "td.path{white-space:normal;overflow-wrap:anywhere;min-width:12rem;font-size:.85rem}"
    ".bar{display:block;height:.3rem;border-radius:.15rem;background:var(--line);margin-top:.2rem;min-width:3.5rem}"
    ".bar i{display:block;height:100%;border-radius:.15rem;background:var(--blue)}"
    "details{margin:.8rem 0 0}summary{cursor:pointer}"
    "footer{margin-top:3rem;color:var(--muted);font-size:.85rem}"
    /* A figure shrunk to a phone could not be read: there it keeps a size, and its box scrolls. */
    "@media(max-width:44rem){main{padding:1rem .7rem 3rem}.figures{display:block}.figures figure+figure{margin-top:.8rem}"
    "figure img{max-width:none;width:max(100%,calc(var(--w)*.7px))}th,td{padding:.4rem .55rem}"
    ".cards{grid-template-columns:1fr 1fr}}"
    "@media print{body{background:#fff}figure,.card,.table{break-inside:avoid}}";

#endif
