"""The report: one HTML file that shows what a store and its runs hold."""
