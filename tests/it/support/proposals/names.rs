//! Names for the columns of each field in eight languages: English, German, French, Spanish,
//! Italian, Portuguese, Dutch, Polish. The dictionary of `init` knows many of their words, and some
//! were added to it since it was scored by them.

/// A line for each field: its name, and behind bars the column's name in each language.
const NAMES: &str = "\
order_no|Order Ref.|Auftragskennung|N° de la commande|Folio del pedido|Rif. ordine|Nº da encomenda|Ordernr.|Nr zam.
order_date|Placed on|Auftragsdatum|Passée le (date)|Fecha de compra|Data dell'ordine|Data do pedido|Besteldatum|Data złożenia
customer_name|Purchaser|Käufername|Nom du client|Nombre del cliente|Nominativo cliente|Nome do comprador|Naam koper|Nabywca
customer_email|Contact mail address|Mailadresse|Adresse électronique|Correo del cliente|Posta elettronica|Endereço de e-mail|E-mailadres|Adres e-mail
customer_phoneno|Contact number|Rufnr.|Téléphone portable|Móvil de contacto|Recapito telefonico|Telemóvel|Telefoonnr.|Nr telefonu
trackingnumber|Parcel no|Sendungsnr.|Code de suivi colis|Guía de rastreo|Codice di tracciamento|Código de rastreio|Track & trace code|Numer przesyłki
carrier_type|Shipped by|Paketdienstleister|Transporteur utilisé|Empresa transportista|Corriere espresso|Transportadora usada|Vervoerder|Firma kurierska
product|Goods description|Artikeltext|Désignation|Descripción del artículo|Descrizione prodotto|Descrição do produto|Productomschrijving|Nazwa towaru
productid|Stock code|Art.-Nr.|Référence article|Código de artículo|Cod. articolo|Código do produto|Artikelcode|Kod produktu
quantity|Units ordered|Bestellmenge|Qté commandée|Unidades|Q.tà|Qtd.|Besteld aantal|Ilość sztuk
image_url|Picture link|Bildlink|Lien image|Enlace de imagen|Link immagine|Link da imagem|Afbeeldingslink|Link do zdjęcia
product_price|Price each|Preis pro Stück|Prix à l'unité|Precio unitario|Prezzo unitario|Preço unitário|Stukprijs|Cena jedn.
subtotal_amount|Merchandise total|Warenwert|Sous-total|Suma parcial|Imponibile|Subtotal dos produtos|Subtotaal|Wartość towarów
shipping_amount|Carriage charge|Porto|Frais de livraison|Gastos de envío|Costi di spedizione|Portes de envio|Bezorgkosten|Koszt dostawy
payment_status|Paid state|Zahlstatus|Statut du règlement|Situación del pago|Stato pagamento|Situação do pagamento|Betaalstatus|Status płatności
package_status|Delivery progress status|Lieferstatus|Etat de la livraison|Estado de la entrega|Stato consegna|Estado da entrega|Bezorgstatus|Status wysyłki
amount|Order value|Endsumme|Montant total TTC|Importe total|Totale ordine|Valor total|Totaalbedrag|Razem do zapłaty
Number_of_items|Item count|Artikelanzahl|Nombre d'articles|Número de artículos|Numero articoli|Número de artigos|Aantal artikelen|Liczba pozycji
shipping_name|Consignee|Empfängername|Destinataire|Nombre del destinatario|Destinatario|Nome do destinatário|Naam ontvanger|Odbiorca
shipping_street|Delivery addr. 1|Lieferstraße|Rue de livraison|Domicilio de entrega|Indirizzo di consegna|Morada de entrega|Afleveradres|Ulica dostawy
shipping_street1|Delivery addr. 2|Adresszusatz Lieferung|Complément d'adresse|Dirección de envío 2|Indirizzo di consegna 2|Complemento|Afleveradres 2|Adres dostawy 2
shipping_city|Delivery town|Lieferort|Ville de livraison|Ciudad de entrega|Città di consegna|Localidade de entrega|Afleverplaats|Miejscowość dostawy
shipping_state|Delivery region|Bundesland|Région de livraison|Provincia de entrega|Provincia di consegna|Distrito de entrega|Provincie|Województwo
shipping_zip|Delivery postcode|Liefer-PLZ|C.P. de livraison|C.P. de entrega|CAP di consegna|Cód. postal de entrega|Aflever postcode|Kod pocztowy dostawy
shipping_country|Destination country|Lieferland|Pays de destination|País de destino|Paese di consegna|País de entrega|Land van levering|Kraj dostawy
billing_name|Invoice name|Rechnungsname|Nom de facturation|Nombre de facturación|Nome fatturazione|Nome de faturação|Factuurnaam|Nazwa na fakturze
billing_street|Invoice address|Rechnungsstraße|Rue de facturation|Dirección de facturación|Indirizzo di fatturazione|Morada de faturação|Factuurstraat|Ulica na fakturze
billing_street1|Invoice address 2|Rechnungsadresse Zusatz|Adresse de facturation 2|Dirección de facturación 2|Indirizzo di fatturazione 2|Morada de faturação 2|Factuuradres 2|Adres faktury 2
billing_city|Invoice town|Rechnungsort|Ville de facturation|Ciudad de facturación|Città di fatturazione|Localidade de faturação|Factuurplaats|Miasto na fakturze
billing_state|Invoice county|Rechnung Bundesland|Région de facturation|Provincia de facturación|Provincia di fatturazione|Distrito de faturação|Factuur provincie|Województwo na fakturze
billing_zip|Invoice postcode|Rechnungs-PLZ|Code postal de facturation|Código postal de facturación|CAP di fatturazione|Código postal de faturação|Factuurpostcode|Kod pocztowy na fakturze
billing_country|Invoice country|Rechnungsland|Pays de facturation|País de facturación|Paese di fatturazione|País de faturação|Factuurland|Kraj na fakturze
";

/// Likewise for fields that two columns fill together, with a plus between the two.
const PARTS: &str = "\
customer_name|Given name+Family name|Vorname+Zuname|Prénom+Nom de famille|Nombre de pila+Apellidos|Nome di battesimo+Cognome|Primeiro nome+Sobrenome|Voornaam+Achternaam|Imię+Nazwisko
shipping_street|Road+House no|Straße+Hausnr.|Rue+Numéro|Calle+Número|Via+Numero civico|Rua+Número|Straat+Huisnummer|Ulica+Numer domu
order_date|Order day (date)+Order time|Bestelldatum+Uhrzeit|Date de commande+Heure|Fecha+Hora|Data ordine+Ora|Data+Hora|Datum+Tijd|Data zamówienia+Godzina
";

/// The name of the column that fills `field` alone.
pub(crate) fn of(field: &str, language: usize) -> Option<&'static str> {
    line(NAMES, field)?.nth(language)
}

/// The names of the two columns that fill `field` together.
pub(crate) fn pair(field: &str, language: usize) -> Option<(&'static str, &'static str)> {
    line(PARTS, field)?.nth(language)?.split_once('+')
}

fn line(table: &'static str, field: &str) -> Option<impl Iterator<Item = &'static str>> {
    table
        .lines()
        .map(|line| line.split('|'))
        .find_map(|mut line| (line.next() == Some(field)).then_some(line))
}
