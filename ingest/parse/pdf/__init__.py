"""PDF, by PDFium and pypdf."""
